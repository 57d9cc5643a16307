"""The monthly report: what a month's records say of root, administrators and those who watch them."""
