// Passkeys: asks the browser for one, puts the answer into the form and sends it. Without scripts there is no button.
const read = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
const write = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

function optionsOf(form) {
  const options = JSON.parse(form.dataset.options);
  options.challenge = read(options.challenge);
  if (options.user) options.user.id = read(options.user.id);
  for (const each of options.excludeCredentials ?? []) each.id = read(each.id);
  return options;
}

function answerOf(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = write(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: write(credential.rawId), type: credential.type, response });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) break;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const credential = await navigator.credentials[form.dataset.passkey]({ publicKey: optionsOf(form) });
      form.elements.answer.value = answerOf(credential);
      form.submit();
    } catch {
      form.querySelector("[role=alert]").hidden = false;
    }
  });
}
