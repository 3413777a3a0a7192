"""The drill switch: any way of failing, put into live routing for a while, and told apart from a real outage."""
