"""One function a verb, on top of workflows and the store; what the API and the CLI call."""
