"""Policy files and audit logs, for people: a policy made of a file, a story of a log. Nothing here acts with ring −1's authority."""
