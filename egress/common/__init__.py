"""What everybody uses: names, hosts, ranges, what Google prescribes, refusals, and objects as they are
rendered."""
