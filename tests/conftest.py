"""What every test shares: the fixtures that drive a browser, loaded as a plugin so that any folder may use them."""

pytest_plugins = ["browser"]
