"""What is deployed: Pulumi ComponentResources, one noun per file. They decide nothing; every decision is the
plan's."""
