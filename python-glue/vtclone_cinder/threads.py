"""Running what blocks without stopping the event loop."""

from typing import Any, Callable


def is_green() -> bool:
    """Whether eventlet has replaced the threads of this process."""
    try:
        from eventlet import patcher
    except ImportError:
        return False
    return bool(patcher.is_monkey_patched("thread"))


def run_blocking(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls the function; under eventlet on one of its native threads, while other green threads run."""
    if not is_green():
        return function(*args, **kwargs)
    from eventlet import tpool
    return tpool.execute(function, *args, **kwargs)
