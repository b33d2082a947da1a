#!/bin/bash
# Unpacks Docker engines of other suites of Debian, and a registry, beside the machine: nothing outside $BERTH_TEST_CACHE is written.
#
#   $BERTH_TEST_CACHE/newest/{bin,lib,cli-plugins}    the engine of Debian unstable, its CLI, buildx and compose
#   $BERTH_TEST_CACHE/trixie/{bin,lib,cli-plugins}    the same of Debian 13
#   $BERTH_TEST_CACHE/registry/docker-registry        the registry of the machine's own suite
#   $BERTH_TEST_CACHE/{newest,trixie,registry}.reason instead of the folder: why it could not be had
#
# The mirror is the one that the machine's own apt sources name.
set -euo pipefail
cache=${BERTH_TEST_CACHE:?set BERTH_TEST_CACHE to the cache folder of the tests}
recipe=$(sha256sum <"$0" | cut -c1-16)
packages=(docker.io docker-cli containerd runc docker-buildx docker-compose)
libraries=(libc6 libseccomp2)

say() { printf 'setup: %s\n' "$*"; }

# second_apt SUITE TOOL ARGS...: apt with lists, state and cache of its own, reading SUITE of the machine's mirror.
second_apt() {
    local suite=$1 tool=$2 base=$cache/apt/$1
    shift 2
    mkdir -p "$base"/{lists/partial,archives/partial,preferences}
    touch "$base/status"
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$mirror" "$suite" >"$base/sources.list"
    "$tool" -q -o Dir::Etc::SourceList="$base/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::PreferencesParts="$base/preferences" -o Dir::State="$base" -o Dir::State::status="$base/status" \
        -o Dir::State::Lists="$base/lists" -o Dir::Cache="$base" -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# The first repository of Debian's own, that is not of a security suite.
find_mirror() {
    mirror=$(apt-get indextargets --format '$(ORIGIN) $(SUITE) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 !~ /-security$/ {print $3; exit}')
    [ -n "$mirror" ] || { echo "the machine's apt sources name no mirror of Debian"; return 1; }
}

# Debian's binaries run on the older C library of the machine, except those that want a newer one: they get their own beside them.
runs_here() { "$1" --version >/dev/null 2>&1; }
give_own_library() {
    local lib=$2 loader
    loader=$(ls "$lib"/ld-linux*)
    patchelf --set-interpreter "$loader" --set-rpath "$lib" "$1"
    runs_here "$1"
}

# fetch_engine KIND SUITE: the engine of SUITE of Debian into $cache/KIND.
fetch_engine() {
    local kind=$1 suite=$2 work=$cache/$1.new debs=$cache/debs name found
    rm -rf "$work" "$debs"
    mkdir -p "$work"/{bin,lib,cli-plugins,root,libroot} "$debs"
    find_mirror || return 1
    second_apt "$suite" apt-get update >/dev/null || { echo "the package lists of Debian $suite cannot be read"; return 1; }
    (cd "$debs" && second_apt "$suite" apt-get download "${packages[@]}" "${libraries[@]}" >/dev/null) ||
        { echo "the packages of Debian $suite cannot be downloaded"; return 1; }
    for name in "${packages[@]}"; do dpkg -x "$debs/$name"_*.deb "$work/root" || return 1; done
    for name in "${libraries[@]}"; do dpkg -x "$debs/$name"_*.deb "$work/libroot" || return 1; done
    for name in libc.so.6 libm.so.6 libseccomp.so.2 'ld-linux*.so.*'; do
        found=$(find "$work/libroot" -name "$name" -print -quit)
        cp -L "$found" "$work/lib/" || return 1
    done
    for name in dockerd docker-proxy containerd containerd-shim-runc-v2 runc docker; do
        found=$(find "$work"/root/usr/{bin,sbin,libexec} -name "$name" -type f -perm -u+x -print -quit)
        [ -n "$found" ] || { echo "the packages of Debian $suite hold no $name"; return 1; }
        cp "$found" "$work/bin/" || return 1
    done
    cp "$work"/root/usr/libexec/docker/cli-plugins/* "$work/cli-plugins/" || return 1
    cp -L "$(command -v tini-static || command -v tini)" "$work/bin/docker-init" || return 1
    # docker-proxy and the shim have no --version; they are built as dockerd is.
    rm -rf "$cache/$kind" "$work/root" "$work/libroot" "$debs" "$cache/apt"
    mv "$work" "$cache/$kind" || return 1
    for name in dockerd containerd runc docker; do
        runs_here "$cache/$kind/bin/$name" || give_own_library "$cache/$kind/bin/$name" "$cache/$kind/lib" ||
            { echo "$name of Debian $suite does not run here"; return 1; }
    done
    echo "$recipe" >"$cache/$kind/recipe"
}

fetch_registry() {
    local work=$cache/registry.new
    rm -rf "$work"
    mkdir -p "$work"
    (cd "$work" && apt-get -q -o APT::Sandbox::User=root download docker-registry >/dev/null) ||
        { echo "the machine's apt sources have no docker-registry"; return 1; }
    dpkg -x "$work"/docker-registry_*.deb "$work/root" || return 1
    mv "$work/root/usr/bin/docker-registry" "$work/" || return 1
    rm -rf "$work/root" "$work"/*.deb "$cache/registry"
    mv "$work" "$cache/registry" || return 1
    echo "$recipe" >"$cache/registry/recipe"
}

# part NAME TEXT COMMAND...: fetches once; a failure is recorded and tried again by the next run.
part() {
    local name=$1 text=$2 log
    shift 2
    [ "$(cat "$cache/$name/recipe" 2>/dev/null || true)" = "$recipe" ] && return 0
    say "fetching $text"
    log=$(mktemp)
    if "$@" >"$log" 2>&1; then
        rm -f "$cache/$name.reason"
    else
        rm -rf "${cache:?}/$name"
        tail -1 "$log" >"$cache/$name.reason"
        say "no $text: $(tail -3 "$log" | tr '\n' ' ')"
    fi
    rm -f "$log"
}

part newest "Docker's newest engine of Debian unstable" fetch_engine newest unstable
part trixie "the Docker engine of Debian 13" fetch_engine trixie trixie
part registry "a registry" fetch_registry
