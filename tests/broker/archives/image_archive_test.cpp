#include "broker/archives/image_archive.h"

#include <gtest/gtest.h>
#include <nettle/sha2.h>

#include "tests/broker/archives/tar_of.h"

namespace broker {
namespace {

using rules::Json;

std::string digest(const std::string& bytes)
{
    sha256_ctx state;
    ::sha256_init(&state);
    ::sha256_update(&state, bytes.size(), reinterpret_cast<const std::uint8_t*>(bytes.data()));
    std::array<std::uint8_t, 32> raw{};
    ::sha256_digest(&state, raw.size(), raw.data());
    std::string out = "sha256:";
    for (const std::uint8_t byte : raw) {
        char text[3];
        std::snprintf(text, sizeof text, "%02x", byte);
        out += text;
    }
    return out;
}

std::string config_of(const std::vector<std::string>& layers)
{
    return Json{{"os", "linux"}, {"rootfs", {{"type", "layers"}, {"diff_ids", layers}}}}.dump();
}

class ImageArchive : public testing::Test {
protected:
    rules::Result<CarriedImages> read(const std::string& bytes)
    {
        spool_.emplace(together_, testing::TempDir());
        spool_->append(bytes);
        return read_images(*spool_);
    }

    /// The archive written anew, by path.
    std::map<std::string, std::string> written(const CarriedImages& carried,
                                               const std::vector<std::vector<std::string>>& tags)
    {
        ImagesWriter writer(*spool_, carried, tags);
        std::string bytes;
        while (!writer.next().empty()) {
        }
        ImagesWriter again(*spool_, carried, tags);
        for (;;) {
            const std::string& piece = again.next();
            if (piece.empty()) break;
            bytes += piece;
        }
        std::map<std::string, std::string> files;
        archive* tar = ::archive_read_new();
        ::archive_read_support_format_tar(tar);
        ::archive_read_open_memory(tar, bytes.data(), bytes.size());
        archive_entry* entry = nullptr;
        while (::archive_read_next_header(tar, &entry) == ARCHIVE_OK) {
            std::string data(static_cast<std::size_t>(::archive_entry_size(entry)), '\0');
            if (!data.empty()) ::archive_read_data(tar, data.data(), data.size());
            EXPECT_TRUE(files.emplace(::archive_entry_pathname(entry), data).second) << "twice";
        }
        ::archive_read_free(tar);
        return files;
    }

    const std::string low_ = tar_of({{"etc/a", "one"}}), high_ = tar_of({{"etc/b", "two"}});
    std::uint64_t together_ = 0;
    std::optional<Spool> spool_;
};

TEST_F(ImageArchive, IsWrittenAnewWithNothingButWhatWasJudged)
{
    const std::string config = config_of({digest(low_), digest(high_), digest(low_)});
    const std::string manifest =
        R"([{"Config":"c.json","RepoTags":["app:1"],"Layers":["1/layer.tar","2/layer.tar","3/layer.tar"],"Parent":"sha256:00"},)"
        R"({"Config":"c.json","Layers":["1/layer.tar","./2/layer.tar","1/layer.tar"]}])";
    // As engines before 25 write it: a layer that is there already is a link.
    const auto carried = read(tar_of({{"1/layer.tar", low_},
                                      {"2/layer.tar", high_},
                                      {"3/layer.tar", "", "../1/layer.tar"},
                                      {"c.json", config},
                                      {"repositories", "{\"victim\":{}}"},
                                      {"evil", "x"},
                                      {"manifest.json", manifest}}));
    ASSERT_TRUE(carried) << carried.error().message;
    ASSERT_EQ(carried->images.size(), 2u);
    EXPECT_EQ(carried->images[0].id, digest(config));
    EXPECT_EQ(carried->images[0].tags, std::vector<std::string>{"app:1"});

    auto files = written(*carried, {{"real/app:1"}, {"held/x:2"}});
    const Json made = Json::parse(files["manifest.json"]);
    const auto layer = [](const std::string& of) { return digest(of).substr(7) + "/layer.tar"; };
    EXPECT_EQ(made[0]["RepoTags"], Json{"real/app:1"});
    EXPECT_EQ(made[1]["RepoTags"], Json{"held/x:2"});
    EXPECT_EQ(made[0]["Layers"], (Json{layer(low_), layer(high_), layer(low_)}));
    EXPECT_FALSE(made[0].contains("Parent"));
    EXPECT_EQ(files[made[0]["Config"]], config);
    EXPECT_EQ(files[layer(low_)], low_);
    EXPECT_EQ(files[layer(high_)], high_);
    EXPECT_EQ(files.size(), 4u);
}

TEST_F(ImageArchive, MayBePackedAsAWholeAndByLayer)
{
    const std::string config = config_of({digest(low_)});
    const std::string layer = tar_of({{"data", low_}}, ::archive_write_add_filter_gzip, ::archive_write_set_format_raw);
    ASSERT_NE(layer, low_);
    const std::vector<Entry> entries = {
        {"blobs/sha256/aa", layer},
        {"blobs/sha256/bb", config},
        {"manifest.json", R"([{"Config":"blobs/sha256/bb","Layers":["blobs/sha256/aa"]}])"}};
    for (const auto filter :
         {::archive_write_add_filter_none, ::archive_write_add_filter_gzip, ::archive_write_add_filter_zstd}) {
        const auto carried = read(tar_of(entries, filter));
        ASSERT_TRUE(carried) << carried.error().message;
        EXPECT_EQ(written(*carried, {{}})[digest(low_).substr(7) + "/layer.tar"], layer);
    }
}

TEST_F(ImageArchive, AnImageMayHaveNoLayers)
{
    const auto carried = read(tar_of({{"c", config_of({})}, {"manifest.json", R"([{"Config":"c","Layers":null}])"}}));
    ASSERT_TRUE(carried) << carried.error().message;
    EXPECT_EQ(written(*carried, {{"x:1"}}).size(), 2u);
}

TEST_F(ImageArchive, IsRefusedWhenALayerIsNotCarried)
{
    const std::string config = config_of({digest(high_)});
    const auto refuses = [&](const std::vector<Entry>& entries) {
        const auto carried = read(tar_of(entries));
        ASSERT_FALSE(carried);
        EXPECT_EQ(carried.error().status, 403);
        EXPECT_EQ(carried.error().rule, "carried-layers");
    };
    const std::string manifest = R"([{"Config":"c","Layers":["l"]}])";
    refuses({{"c", config}, {"manifest.json", manifest}});                             // not there
    refuses({{"l", low_}, {"c", config}, {"manifest.json", manifest}});                // another one
    refuses({{"l", high_}, {"l", low_}, {"c", config}, {"manifest.json", manifest}});  // replaced by a later one
    refuses({{"l", high_}, {"l", "", "m"}, {"m", low_}, {"c", config}, {"manifest.json", manifest}});
    refuses({{"l", high_.substr(0, 512)}, {"c", config}, {"manifest.json", manifest}});  // a part
    refuses({{"l", "", "l"}, {"c", config}, {"manifest.json", manifest}});               // a link to itself
    refuses({{"l", "", "/etc/passwd"}, {"c", config}, {"manifest.json", manifest}});
}

TEST_F(ImageArchive, IsRefusedWhenItIsNone)
{
    const auto refuses = [&](const std::string& bytes, const std::string& why) {
        const auto carried = read(bytes);
        ASSERT_FALSE(carried);
        EXPECT_EQ(carried.error().status, 400);
        EXPECT_NE(carried.error().message.find(why), std::string::npos) << carried.error().message;
    };
    refuses("", "cannot be loaded");
    refuses("not a tar at all", "cannot be loaded");
    refuses(tar_of({{"index.json", "{}"}, {"oci-layout", "{}"}}), "no manifest.json");
    refuses(tar_of({{"manifest.json", R"([{"Config":"c","Layers":[]}])"}}), "no file c");
    refuses(tar_of({{"manifest.json", "[{"}}), "manifest.json");
    refuses(tar_of({{"c", config_of({digest(low_)})}, {"manifest.json", R"([{"Config":"c","Layers":[]}])"}}),
            "layers length mismatch");
    const std::string whole = tar_of(
        {{"l", low_}, {"c", config_of({digest(low_)})}, {"manifest.json", R"([{"Config":"c","Layers":["l"]}])"}});
    refuses(whole.substr(0, whole.find("manifest.json") + 520), "cannot be loaded");
}

}  // namespace
}  // namespace broker
