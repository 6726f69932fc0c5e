"""The REST API: parse, call the function of the verb in `app`, answer as JSON. Nothing else."""
