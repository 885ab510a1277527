#!/bin/sh
exec cargo xtask alias "$@"
