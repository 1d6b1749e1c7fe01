"""Objects of Kubernetes itself, one file for each kind of fence or workload."""
