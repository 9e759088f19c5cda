"""The admin REST API at `/api/v1`: the verbs as JSON, from one literal table of endpoints."""
