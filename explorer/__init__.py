"""The state of a session, plots, and views: what the pages and the notebooks are made of."""
