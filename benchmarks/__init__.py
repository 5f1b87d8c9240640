"""The benchmark: netpoll and its peers side by side. Run it with `make bench`.

The page docs/performance.md says how it measures and how to read what it finds.
"""
