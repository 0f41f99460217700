"""Programs that the tests and the long runs start as processes of their own."""
