"""The JSON API of a mount: the same reads and the same actions as the pages, for programs."""
