{{- define "gatepost.labels" -}}
app.kubernetes.io/name: gatepost
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "gatepost.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "gatepost.settings" -}}
- name: GATEPOST_ISSUER
  value: {{ required "issuer is required: the public URL, as in https://auth.example.com" .Values.issuer | quote }}
- name: GATEPOST_DATABASE_FILE
  value: /run/secrets/gatepost/database-url
- name: GATEPOST_INSTANCE__KEY_FILE
  value: /run/secrets/gatepost/instance-key
- name: GATEPOST_SERVER__TRUSTED_PROXIES
  value: {{ .Values.trustedProxies | quote }}
- name: GATEPOST_SERVER__STOP_DELAY
  value: 5s
{{- if .Values.metrics.enabled }}
- name: GATEPOST_METRICS__LISTEN
  value: 0.0.0.0:9464
- name: GATEPOST_METRICS__TOKEN_FILE
  value: /run/secrets/gatepost/metrics-token
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "gatepost.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "gatepost.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{- define "gatepost.mounts" -}}
- name: secrets
  mountPath: /run/secrets/gatepost
  readOnly: true
- name: data
  mountPath: /var/lib/gatepost
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "gatepost.volumes" -}}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
- name: data
  emptyDir: {}
- name: tmp
  emptyDir: {}
{{- end }}
