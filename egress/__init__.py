"""What is decided: settings, plan, layers. Pure Python - imports no Pulumi, touches no network."""
