"""The compiled modules: what pyproject.toml cannot say."""

import os
from pathlib import Path

import greenlet
from Cython.Build import cythonize
from setuptools import Extension, setup

SOURCE = Path("src")
RUNTIME = SOURCE / "netpoll" / "_runtime"
GREENLET_PARENT = Path(greenlet.__file__).parents[1]  # for #include <greenlet/greenlet.h>

COMPILE_ARGS = [
    "-O2",
    "-fno-plt",
    "-fvisibility=hidden",
    "-Wall",
    "-Wno-unused-function",  # Cython emits static functions that not every module calls,
    "-Wno-unused-variable",  # and greenlet.h a static table that not every includer reads
]
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,
    "binding": False,  # a plain builtin is faster to call; a file that needs more says so itself
    "autotestdict": False,  # no docstring here is a doctest
    "embedsignature": True,
    "embedsignature.format": "clinic",  # what inspect.signature reads from a builtin
}


def extension(source: Path) -> Extension:
    """Return the extension module that one .pyx makes."""
    return Extension(
        name=".".join(source.relative_to(SOURCE).with_suffix("").parts),
        sources=[str(source)],
        include_dirs=[str(RUNTIME), str(GREENLET_PARENT)],
        depends=[str(header) for header in sorted(SOURCE.rglob("*.h"))],
        extra_compile_args=COMPILE_ARGS,
    )


# The guard: Cython's worker processes may import this file.
if __name__ == "__main__":
    setup(
        ext_modules=cythonize(
            [extension(source) for source in sorted(SOURCE.rglob("*.pyx"))],
            build_dir="build/cython",
            compiler_directives=DIRECTIVES,
            nthreads=os.cpu_count() or 1,
        ),
        options={"build_ext": {"parallel": os.cpu_count() or 1}},
    )
