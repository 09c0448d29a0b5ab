"""Names of a package that are loaded when they are asked for."""

import importlib
import sys
from types import ModuleType


class Face(ModuleType):
    """A package whose public names come from its modules, each loaded at first use.

    A function may have the name of the module it is in: importing that module, which binds it to
    the package, does not hide the function.

    Example:
        show(__name__, {"load_network": "weights.files"})
    """

    def __getattr__(self, name):
        module = self.__dict__["_module_of"].get(name)
        if module is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(module), name)

    def __setattr__(self, name, value):
        if not (isinstance(value, ModuleType) and name in self.__dict__["_module_of"]):
            super().__setattr__(name, value)

    def __dir__(self):
        return sorted({*super().__dir__(), *self.__dict__["_module_of"]})


def show(package, module_of):
    """Let a package show names from its modules.

    Args:
        package: Its `__name__`.
        module_of: Public name -> name of the module that has it.
    """
    module = sys.modules[package]
    module.__dict__["_module_of"] = module_of
    module.__dict__["__all__"] = sorted(module_of)
    module.__class__ = Face
