"""The history of the control database's schema, applied on start by `store.schema`."""
