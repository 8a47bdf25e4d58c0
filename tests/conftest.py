"""Logs of the program stay out of test output; what matters of them is asserted on."""

import logging

import structlog

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
