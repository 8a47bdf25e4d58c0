"""What monitoring sees: the metrics, whether the program lives, and whether it can be relied on.

Nothing is counted here for its own sake: at each scrape the numbers are read off the incidents of the journal and
the counters that the other parts keep anyway, so that nobody else knows of Prometheus.
"""
