"""What the way out costs on real proxies."""
