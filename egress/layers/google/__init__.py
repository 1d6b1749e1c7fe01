"""What is Google Cloud's: firewall, DNS, node pools, the perimeter, and the one translation into Pulumi's
arguments."""
