"""Pages that are served, each putting some of the views together, and the `potscope` command."""
