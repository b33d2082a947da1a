#include "broker/jobs/objects.h"

#include <gtest/gtest.h>

namespace {

using broker::Objects;
using rules::Kind;

constexpr const char* key = "abcdefghijklmnopqrstuvwxyz";

std::string id_of(char digit)
{
    return std::string(64, digit);
}

db::Object row(std::int64_t number, Kind kind, std::string id, std::string name, db::ObjectState state = db::ObjectState::live)
{
    db::Object object;
    object.row = number;
    object.job = key;
    object.kind = kind;
    object.state = state;
    object.id = std::move(id);
    object.name = std::move(name);
    object.real = "real-" + object.name;
    return object;
}

class ObjectsOfAJob : public testing::Test {
protected:
    ObjectsOfAJob()
    {
        objects.restore({row(1, Kind::container, id_of('a'), "web"), row(2, Kind::container, "ab" + std::string(62, '0'), "db"),
                         row(3, Kind::container, "", "coming", db::ObjectState::intended), row(4, Kind::network, id_of('b'), "bridge"),
                         row(5, Kind::volume, "real-data", "data"), row(6, Kind::image, "sha256:" + id_of('c'), "app:latest"),
                         row(7, Kind::image, "sha256:" + id_of('c'), "app:1"), row(8, Kind::image, "sha256:" + id_of('d'), "")});
    }

    boost::asio::io_context io;
    db::Store store{io, ":memory:"};
    std::int64_t next_row = 100;
    Objects objects{key, store, next_row};
};

TEST_F(ObjectsOfAJob, ResolveByFullIdNameAndUniquePrefix)
{
    EXPECT_EQ(objects.container(id_of('a'))->name, "web");
    EXPECT_EQ(objects.container("web")->id, id_of('a'));
    EXPECT_EQ(objects.container("/web")->id, id_of('a'));
    EXPECT_EQ(objects.container("aa")->name, "web");
    EXPECT_EQ(objects.network(id_of('b').substr(0, 12))->name, "bridge");
    EXPECT_EQ(objects.network("default")->name, "bridge");
    EXPECT_EQ(objects.volume("data")->id, "real-data");
}

TEST_F(ObjectsOfAJob, RefuseAnAmbiguousPrefix)
{
    EXPECT_EQ(objects.container("a").error().status, 400);
}

TEST_F(ObjectsOfAJob, AnswerDockersOwn404ForWhatIsAbsent)
{
    EXPECT_EQ(objects.container("nobody").error().message, "No such container: nobody");
    EXPECT_EQ(objects.network("nobody").error().message, "network nobody not found");
    EXPECT_EQ(objects.volume("nobody").error().message, "get nobody: no such volume");
    EXPECT_EQ(objects.image("nobody").error().message, "No such image: nobody:latest");
    EXPECT_EQ(objects.image(std::string(64, '0')).error().message, "No such image: sha256:" + std::string(64, '0'));
    EXPECT_EQ(objects.exec("nobody").error().message, "No such exec instance: nobody");
    for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image, Kind::exec})
        EXPECT_EQ(objects.resolve(kind, "nobody").error().status, 404);
}

TEST_F(ObjectsOfAJob, NeverResolveByRealName)
{
    EXPECT_FALSE(objects.container("real-web"));
    EXPECT_FALSE(objects.volume("real-data"));
}

TEST_F(ObjectsOfAJob, KeepTheNameOfAnIntendedObjectTakenButOutOfSight)
{
    EXPECT_FALSE(objects.container("coming"));
    ASSERT_NE(objects.named(Kind::container, "coming"), nullptr);
}

TEST_F(ObjectsOfAJob, KnowAnImageByEveryReferenceAndById)
{
    EXPECT_EQ(objects.image("app")->id, "sha256:" + id_of('c'));
    EXPECT_EQ(objects.image("docker.io/library/app:1")->id, "sha256:" + id_of('c'));
    EXPECT_EQ(objects.image(id_of('c'))->id, "sha256:" + id_of('c'));
    EXPECT_EQ(objects.image("cccc")->id, "sha256:" + id_of('c'));
    EXPECT_EQ(objects.references_of("sha256:" + id_of('c')), (std::vector<std::string>{"app:1", "app:latest"}));
    EXPECT_TRUE(objects.references_of("sha256:" + id_of('d')).empty());
    EXPECT_NE(objects.by_id(Kind::image, "sha256:" + id_of('d')), nullptr);
    EXPECT_EQ(objects.by_id(Kind::image, "sha256:" + id_of('e')), nullptr);
}

TEST_F(ObjectsOfAJob, AreCountedAsFarAsTheJobAskedForThem)
{
    const auto counts = [&] {
        std::vector<std::size_t> asked;
        for (const Kind kind : {Kind::container, Kind::network, Kind::volume, Kind::image}) asked.push_back(objects.requested(kind));
        return asked;
    };
    EXPECT_EQ(counts(), (std::vector<std::size_t>{3, 0, 1, 2}));  // neither the default network nor an image without a name
    objects.restore({row(9, Kind::network, id_of('e'), "other"), row(1, Kind::container, id_of('a'), "renamed"),
                     row(8, Kind::image, "sha256:" + id_of('d'), "app:2")});
    EXPECT_EQ(counts(), (std::vector<std::size_t>{3, 1, 1, 3}));
    objects.forget(2);
    objects.forget(4);
    EXPECT_EQ(counts(), (std::vector<std::size_t>{2, 1, 1, 3}));
}

TEST_F(ObjectsOfAJob, LoseADestroyedContainerWithItsExecs)
{
    db::Object exec = row(9, Kind::exec, id_of('e'), "");
    exec.parent = id_of('a');
    objects.restore({exec});
    ASSERT_TRUE(objects.exec(id_of('e')));
    objects.destroyed(Kind::container, id_of('a'));
    EXPECT_FALSE(objects.container("web"));
    EXPECT_FALSE(objects.exec(id_of('e')));
    EXPECT_TRUE(objects.container("db"));
}

}  // namespace
