#!/bin/sh
exec cargo xtask build "$@"
