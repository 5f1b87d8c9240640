"""Coroutines for tests."""

import asyncio
import threading

PRELUDE = """\
import asyncio, gc, os, signal, sys, threading, time, warnings
from netpoll import aio, blocking, go, run, sleep
from tests.running import parked

warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads

async def value(number):
    await asyncio.sleep(0)
    return number
"""
"""The beginning of a program that runs on its own."""


async def value(number: int) -> int:
    """Return what is given, not at once."""
    await asyncio.sleep(0)
    return number


async def cleaning_up(seen: list[str], begun: threading.Event | None = None) -> str:
    """Wait, and take a moment to end when cancelled."""
    try:
        if begun is not None:
            begun.set()
        await asyncio.sleep(60)
    finally:
        seen.append("cancelled")
        await asyncio.sleep(0.005)
        seen.append("cleaned up")
    return "never"
