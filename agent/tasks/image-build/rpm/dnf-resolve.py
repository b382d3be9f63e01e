# What lists of packages come to, asked of dnf's own library (dnf 4). Changes nothing but the folder of metadata.
# Standard input: JSON {config, cachedir, root, arch, releasever, platform, streams, refresh, stages: [{repositories,
#   keep, kernel, passes: [{install, remove, removeAfter}]}]}. `root` is an empty folder. Each pass installs what it says
#   and what all passes before it said; `keep`: what the stage before came to stays in its version; `kernel`: its kernel.
# Standard output: JSON {stages: [[{all, left} per pass] per stage], streams} or {missing: [...]} or {problem: "..."};
#   a package is [name, epoch, version, release, arch, digest, repository].
import json
import sys

import dnf
import dnf.exceptions
import dnf.module.module_base
import dnf.rpm
import hawkey


class Stop(Exception):
    def __init__(self, answer):
        self.answer = answer


def prepared(asked):
    base = dnf.Base()
    conf = base.conf
    conf.config_file_path = asked["config"]
    conf.read(priority=dnf.conf.PRIO_MAINCONFIG)
    conf.installroot = asked["root"]
    conf.cachedir = asked["cachedir"]
    conf.persistdir = asked["root"]
    conf.logdir = asked["root"]
    conf.assumeyes = True
    conf.substitutions["releasever"] = asked["releasever"]
    conf.arch = asked["arch"]
    conf.ignorearch = True
    conf.substitutions["arch"] = asked["arch"]
    conf.substitutions["basearch"] = dnf.rpm.basearch(asked["arch"])
    if asked["platform"]:
        conf.module_platform_id = asked["platform"]
    base.read_all_repos()
    for repo in base.repos.iter_enabled():
        if asked["refresh"]:
            repo._repo.expire()
    base.fill_sack(load_system_repo=False)
    return base


def row(package):
    kind, digest = package.chksum or (0, b"")
    return [package.name, package.epoch, package.version, package.release, package.arch, digest.hex(), package.reponame]


def nevra(package):
    return (package.name, package.epoch, package.version, package.release, package.arch)


def enabled_streams(base, streams):
    """Those that the repositories have; the rest may come as ordinary packages."""
    found = []
    modules = dnf.module.module_base.ModuleBase(base)
    for stream in streams:
        if not modules.get_modules(stream)[0]:
            continue
        modules.enable([stream])
        found.append(stream)
    return found


def only(base, repositories):
    for repo in base.repos.iter_enabled():
        if repo.id in repositories:
            base.sack.enable_repo(repo.id)
        else:
            base.sack.disable_repo(repo.id)


def exclude(base, removed, kept, asked_for):
    base.sack.reset_excludes()
    query = base.sack.query().filterm(empty=True)
    if removed:
        query = query.union(base.sack.query().filterm(name=list(removed)))
    names = {}
    for package in kept:
        names.setdefault(package[0], set()).add(package)
    wanted = [name for name in names if name not in asked_for]
    for package in base.sack.query().filterm(name=wanted) if wanted else []:
        if nevra(package) not in names[package.name]:
            query = query.union(base.sack.query().filterm(pkg=[package]))
    base.sack.add_excludes(query)


def staying(kept, stage):
    """Without a general update everything; with one, the kernel where a version of it was asked for."""
    if stage["keep"]:
        return kept
    if stage.get("kernel"):
        return [package for package in kept if package[0].startswith("kernel")]
    return []


def solve(base, specs):
    base.reset(goal=True)
    groups = [spec[1:] for spec in specs if spec.startswith("@")]
    missing = []
    if groups:
        base.read_comps(arch_filter=True)
    # Not by install_specs: it would look among module streams too, and forget which are enabled.
    for name in groups:
        try:
            base.env_group_install([name.lstrip("^")], types=("mandatory", "default"), strict=True)
        except dnf.exceptions.Error:
            missing.append("@" + name)
    try:
        base.install_specs([spec for spec in specs if not spec.startswith("@")], strict=True)
    except dnf.exceptions.MarkingErrors as error:
        missing += list(error.no_match_pkg_specs) + list(error.error_pkg_specs)
        if not missing:
            raise Stop({"problem": str(error)})
    if missing:
        raise Stop({"missing": missing})
    try:
        base.resolve(allow_erasing=False)
    except dnf.exceptions.DepsolveError as error:
        raise Stop({"problem": str(error)})
    return list(base.transaction.install_set)


def without(base, packages, names):
    """What stays when `names` and everything that needs them are taken out."""
    gone = set(package for package in packages if package.name in names)
    while gone:
        rest = [package for package in packages if package not in gone]
        offered = base.sack.query().filterm(pkg=rest)
        more = set()
        for package in rest:
            for need in package.requires:
                text = str(need)
                if text.startswith(("rpmlib(", "(")):
                    continue
                if not base.sack.query().filterm(pkg=list(packages)).filterm(provides=need):
                    continue
                if not offered.filter(provides=need):
                    more.add(package)
                    break
        if not more:
            return rest
        gone |= more
    return packages


def stages_of(base, asked):
    specs, removed, kept = [], set(), []
    answer = []
    for stage in asked["stages"]:
        only(base, set(stage["repositories"]))
        own = set()
        passes = []
        for one in stage["passes"]:
            removed |= set(one["remove"])
            removed -= set(one["install"])
            specs = [spec for spec in specs if spec not in removed] + one["install"]
            own |= set(one["install"])
            exclude(base, removed, staying(kept, stage), own)
            packages = solve(base, specs) if specs else []
            after = set(one["removeAfter"])
            before = packages
            if after:
                packages = without(base, packages, after)
                gone = set(p.name for p in before) - set(p.name for p in packages)
                specs = [spec for spec in specs if spec not in gone]
            passes.append({"all": sorted(row(p) for p in before), "left": sorted(row(p) for p in packages)})
            last = packages
        if passes:
            kept = [nevra(package) for package in last]
        answer.append(passes)
    return answer


def main():
    asked = json.load(sys.stdin)
    try:
        base = prepared(asked)
        streams = enabled_streams(base, asked["streams"])
        answer = {"stages": stages_of(base, asked), "streams": streams}
    except Stop as stop:
        answer = stop.answer
    except (dnf.exceptions.Error, hawkey.Exception) as error:
        answer = {"problem": str(error)}
    json.dump(answer, sys.stdout)


main()
