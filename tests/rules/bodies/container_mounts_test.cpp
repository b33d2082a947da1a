#include "tests/rules/bodies/container_body.h"

// Binds, mounts and volumes of a container.
namespace rules {
namespace {

const std::string tmpfs_opts = R"({"Type":"volume","Source":"data","Target":"/x","VolumeOptions":{"DriverConfig":)";
const std::string options = "HostConfig.Mounts[0].VolumeOptions.DriverConfig.Options";

std::string mount(const std::string& text)
{
    return with_host(R"({"Mounts":[)" + text + "]}");
}

const std::vector<RefusedBody> of_mounts = {
    {"M-01", with_host(R"({"Binds":["/:/host"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-01 mount", mount(R"({"Type":"bind","Source":"/","Target":"/host"})"), 403, "binds",
     "HostConfig.Mounts[0].Source"},
    {"M-02", with_host(R"({"Binds":["/builds/job1/../../etc:/x"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-05 parent", with_host(R"({"Binds":["/var/run:/x"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-05 slashes", with_host(R"({"Binds":["//var//run/docker.sock:/x"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-05 dots", with_host(R"({"Binds":["/var/run/../run/docker.sock:/x"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-05 containerd", with_host(R"({"Binds":["/run/containerd/containerd.sock:/x"]})"), 403, "binds",
     "HostConfig.Binds"},
    {"M-05 own socket", with_host(R"({"Binds":["/var/run/docker.sock:/x","/run/docker.sock:/y:ro"]})"), 0},
    {"M-06", with_host(R"({"Binds":["/run/berth:/x:ro"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-10", with_host(R"({"Binds":["/var/run/docker.sock:/x:rshared"]})"), 403, "propagation", "HostConfig.Binds"},
    {"M-10 mount",
     mount(R"({"Type":"bind","Source":"/run/docker.sock","Target":"/x","BindOptions":{"Propagation":"rshared"}})"),
     403, "propagation", "HostConfig.Mounts[0].BindOptions.Propagation"},
    {"M-12", with_host(R"({"Binds":["/etc:/x:Z"]})"), 403, "binds", "HostConfig.Binds"},
    {"M-17", mount(tmpfs_opts + R"({"Name":"local","Options":{"type":"none","o":"bind","device":"/"}}}})"), 403,
     "volume-options", options + ".type"},
    {"M-17 device", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"/dev/sda"}}}})"), 403,
     "volume-options", options + ".device"},
    {"M-17 mount options", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"tmpfs","o":"bind"}}}})"), 403,
     "tmpfs", options + ".o"},
    {"M-17 good", mount(tmpfs_opts + R"({"Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m,uid=5"}}}})"), 0},
    {"M-17 of a new volume",
     mount(R"({"Type":"volume","Source":"new","Target":"/x",)"
           R"("VolumeOptions":{"DriverConfig":{"Options":{"type":"tmpfs","device":"tmpfs"}}}})"),
     403, "volume-driver", options},
    {"M-18", mount(tmpfs_opts + R"({"Name":"vieux/sshfs"}}})"), 403, "volume-driver",
     "HostConfig.Mounts[0].VolumeOptions.DriverConfig.Name"},
    {"M-18 driver", with_host(R"({"VolumeDriver":"x"})"), 403, "volume-driver", "HostConfig.VolumeDriver"},
    {"M-18 local", with_host(R"({"VolumeDriver":"local"})"), 0},
    {"M-21", with_host(R"({"VolumesFrom":["victim:rw"]})"), 404, "", "No such container: victim"},
    {"M-21 mode", with_host(R"({"VolumesFrom":["db:z"]})"), 400, "", "invalid mode: z"},
    {"M-22", mount(R"({"Type":"image","Source":"alpine","Target":"/x"})"), 403, "image-mounts",
     "HostConfig.Mounts[0].Type"},
    {"M-24 size", with_host(R"({"Tmpfs":{"/x":"size=500g,exec"}})"), 403, "limits.container.tmpfs_max", "HostConfig.Tmpfs"},
    {"M-24 percent", with_host(R"({"Tmpfs":{"/x":"size=90%"}})"), 403, "limits.container.tmpfs_max", "HostConfig.Tmpfs"},
    {"M-24 wrapping size", with_host(R"({"Tmpfs":{"/x":"size=18446744073709551617"}})"), 403, "limits.container.tmpfs_max",
     "HostConfig.Tmpfs"},
    {"M-24 blocks", with_host(R"({"Tmpfs":{"/x":"nr_blocks=99999999"}})"), 403, "tmpfs", "HostConfig.Tmpfs"},
    {"M-24 propagation", with_host(R"({"Tmpfs":{"/x":"rshared"}})"), 403, "tmpfs", "HostConfig.Tmpfs"},
    {"M-24 mount", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":99999999999}})"), 403,
     "limits.container.tmpfs_max", "HostConfig.Mounts[0].TmpfsOptions.SizeBytes"},
    {"M-24 options", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"Options":[["exec"],["dev"]]}})"), 403,
     "tmpfs", "HostConfig.Mounts[0].TmpfsOptions.Options"},
    {"M-24 odd options", mount(R"({"Type":"tmpfs","Target":"/x","TmpfsOptions":{"Options":"exec"}})"), 403, "tmpfs",
     "HostConfig.Mounts[0].TmpfsOptions.Options"},
    {"M-24 source", mount(R"({"Type":"tmpfs","Source":"/","Target":"/x"})"), 400, "",
     "Source must not be specified"},
    {"M-24 shm", with_host(R"({"ShmSize":99999999999})"), 403, "limits.container.shm_max", "HostConfig.ShmSize"},
    {"M-27 npipe", mount(R"({"Type":"npipe","Source":"x","Target":"/x"})"), 403, "mount-type",
     "HostConfig.Mounts[0].Type"},
    {"M-27 cluster", mount(R"({"Type":"cluster","Source":"x","Target":"/x"})"), 403, "mount-type",
     "HostConfig.Mounts[0].Type"},
    {"M-27 cluster options", mount(R"({"Type":"volume","Target":"/x","ClusterOptions":{"a":1}})"), 403,
     "mount-type", "HostConfig.Mounts[0].ClusterOptions"},
    {"M-28", with_host(R"({"Binds":["\\\\etc:/x"]})"), 400, "", "includes invalid characters"},
    {"M-28 mount", mount(R"({"Type":"volume","Source":"\\\\etc","Target":"/x"})"), 400, "",
     "includes invalid characters"},
    {"a mount without a type", mount(R"({"Source":"/etc","Target":"/x"})"), 400, "", "mount type unknown"},
    {"a mount in capitals", mount(R"({"Type":"Bind","Source":"/etc","Target":"/x"})"), 400, "",
     "mount type unknown"},
    {"too many colons", with_host(R"({"Binds":["a:b:c:d"]})"), 400, "", "invalid volume specification"},
    {"no source", with_host(R"({"Binds":[":/x"]})"), 400, "", "invalid volume specification"},
    {"a relative target", with_host(R"({"Binds":["data:x"]})"), 400, "", "must be absolute"},
    {"an unknown mode", with_host(R"({"Binds":["data:/x:rx"]})"), 400, "", "invalid mode: rx"},
    {"a relative path", with_host(R"({"Binds":["./src:/x"]})"), 400, "", "use absolute path"},
};

TEST(ContainerCreate, RefusesMountsOfTheHost)
{
    expect_refusals(of_mounts);
}

TEST(ContainerCreate, LabelsTheVolumesOfMounts)
{
    const Json mounts = sent(with_host(R"({"Mounts":[
        {"Type":"volume","Target":"/a","VolumeOptions":{"Labels":{"x":"y","berth.job":"other"}}},
        {"Type":"volume","Source":"data","Target":"/b","VolumeOptions":{"NoCopy":true,"Subpath":"sub",
         "DriverConfig":{"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}}]})"))["HostConfig"]
                                                                                                          ["Mounts"];
    Json labels = own_labels(a_context());
    EXPECT_EQ(mounts[1]["VolumeOptions"]["Labels"], labels);
    labels["x"] = "y";
    EXPECT_EQ(mounts[0]["VolumeOptions"]["Labels"], labels);
    EXPECT_FALSE(mounts[0].contains("Source"));
    EXPECT_EQ(mounts[1]["Source"], real("data"));
    EXPECT_EQ(mounts[1]["VolumeOptions"]["Subpath"], "sub");
    EXPECT_EQ(mounts[1]["VolumeOptions"]["DriverConfig"],
              Json::parse(R"({"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}})"));
}

}  // namespace
}  // namespace rules
