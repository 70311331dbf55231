#!/bin/sh
# Puts the service in the background; its pid and log are beside the releases.
nohup ./shop >>../../shop.log 2>&1 &
echo $! >../../shop.pid
