"""All of it in one call: a report in words and figures."""
