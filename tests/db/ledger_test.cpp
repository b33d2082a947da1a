#include "db/ledger.h"

#include "tests/db/ledger_fixture.h"

namespace db {
namespace {

TEST_F(LedgerTest, AJobComesBackAsItWasGiven)
{
    Job job = job_of(key_a, "build-17'; DROP TABLE jobs; --");
    job.profile = "strict";
    job.state = JobState::draining;
    job.labels = {{"ref", "main"}, {"quo\"te", "line\nbreak"}, {"nul", std::string("a\0b", 3)}, {"ü", ""}};
    job.anchor = std::string(64, 'c');
    job.workspace = "/home/runner/work";
    job.deadline = 3'700;
    ledger.add(job);

    const std::vector<Job> jobs = ledger.jobs();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].key, job.key);
    EXPECT_EQ(jobs[0].id, job.id);
    EXPECT_EQ(jobs[0].profile, job.profile);
    EXPECT_EQ(jobs[0].state, JobState::draining);
    EXPECT_EQ(jobs[0].labels, job.labels);
    EXPECT_EQ(jobs[0].anchor, job.anchor);
    EXPECT_EQ(jobs[0].workspace, job.workspace);
    EXPECT_EQ(jobs[0].created, 100);
    EXPECT_EQ(jobs[0].ended, 0);
    EXPECT_EQ(jobs[0].deadline, 3'700);
}

TEST_F(LedgerTest, OpenJobsAreOldestFirstAndClosedOnesNewestFirst)
{
    ledger.add(job_of("k1", "late", 30));
    ledger.add(job_of("k2", "early", 10));
    ledger.add(job_of("k3", "middle", 20));
    ledger.add(job_of("k4", "also middle", 20));
    ledger.set_state("k2", JobState::draining, 40);
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"early", "middle", "also middle", "late"}));

    ledger.set_state("k2", JobState::closed, 60);
    ledger.set_state("k1", JobState::closed, 50);
    ledger.set_state("k3", JobState::closed, 70);
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"also middle"}));
    EXPECT_EQ(ids(ledger.closed_jobs(10)), (Ids{"middle", "early", "late"}));
    EXPECT_EQ(ids(ledger.closed_jobs(2)), (Ids{"middle", "early"}));
    EXPECT_EQ(ledger.closed_jobs(1)[0].ended, 70);
}

TEST_F(LedgerTest, AnIdIsUniqueAmongOpenJobsAndAKeyForever)
{
    ledger.add(job_of(key_a, "build"));
    EXPECT_THROW(ledger.add(job_of(key_b, "build")), Failure);
    ledger.set_state(key_a, JobState::closed, 5);
    EXPECT_NO_THROW(ledger.add(job_of(key_b, "build")));
    EXPECT_THROW(ledger.add(job_of(key_a, "other")), Failure);
}

TEST_F(LedgerTest, AnObjectComesBackAsItWasGiven)
{
    ledger.add(job_of(key_a, "a"));
    Object object = object_of(9, key_a, "d'b");
    object.kind = rules::Kind::image;
    object.origin = Origin::pulled;
    object.id = "sha256:" + std::string(64, '0');
    object.parent = std::string(64, 'f');
    ledger.put(object);

    const std::vector<Object> objects = ledger.objects(key_a);
    ASSERT_EQ(objects.size(), 1U);
    EXPECT_EQ(objects[0].row, 9);
    EXPECT_EQ(objects[0].job, key_a);
    EXPECT_EQ(objects[0].kind, rules::Kind::image);
    EXPECT_EQ(objects[0].state, ObjectState::intended);
    EXPECT_EQ(objects[0].origin, Origin::pulled);
    EXPECT_EQ(objects[0].id, object.id);
    EXPECT_EQ(objects[0].name, "d'b");
    EXPECT_EQ(objects[0].real, object.real);
    EXPECT_EQ(objects[0].parent, object.parent);
    EXPECT_EQ(objects[0].created, 7);
}

TEST_F(LedgerTest, AnObjectPutAgainReplacesItsRow)
{
    ledger.add(job_of(key_a, "a"));
    ledger.put(object_of(1, key_a));
    Object made = object_of(1, key_a, "renamed");
    made.state = ObjectState::live;
    made.id = std::string(64, 'e');
    ledger.put(made);

    const std::vector<Object> objects = ledger.objects(key_a);
    ASSERT_EQ(objects.size(), 1U);
    EXPECT_EQ(objects[0].state, ObjectState::live);
    EXPECT_EQ(objects[0].id, made.id);
    EXPECT_EQ(objects[0].name, "renamed");
}

TEST_F(LedgerTest, AContainerIsToldWhenItIsGoneToo)
{
    ledger.add(job_of(key_a, "a"));
    ledger.add(job_of(key_b, "b"));
    const std::string there(64, '1'), gone(64, '2'), others(64, '3'), image = "sha256:" + std::string(64, '4');
    for (const auto& [row, key, kind, id] : {std::tuple{1, key_a, rules::Kind::container, there}, {2, key_a, rules::Kind::container, gone},
                                             {3, key_b, rules::Kind::container, others}, {4, key_a, rules::Kind::image, image},
                                             {5, key_a, rules::Kind::container, std::string()}}) {
        Object object = object_of(row, key);
        object.kind = kind;
        object.id = id;
        ledger.put(object);
    }
    ledger.set_state(2, ObjectState::gone);
    EXPECT_EQ(ledger.containers(key_a), (std::set{there, gone}));
}

TEST_F(LedgerTest, ObjectsAreListedByJobUntilTheyAreGone)
{
    ledger.add(job_of(key_a, "a"));
    ledger.add(job_of(key_b, "b"));
    EXPECT_EQ(ledger.last_row(), 0);
    for (const std::int64_t row : {4, 2, 3}) ledger.put(object_of(row, key_a));
    ledger.put(object_of(8, key_b));
    ledger.set_state(3, ObjectState::live);
    ledger.set_state(2, ObjectState::removing);
    EXPECT_EQ(rows(ledger.objects(key_a)), (Numbers{2, 3, 4}));
    EXPECT_EQ(ledger.objects(key_a)[0].state, ObjectState::removing);

    ledger.set_live(4, "an id");
    EXPECT_EQ(ledger.objects(key_a)[2].state, ObjectState::live);
    EXPECT_EQ(ledger.objects(key_a)[2].id, "an id");

    ledger.set_state(2, ObjectState::gone);
    ledger.set_state(8, ObjectState::gone);
    EXPECT_EQ(rows(ledger.objects(key_a)), (Numbers{3, 4}));
    EXPECT_TRUE(ledger.objects(key_b).empty());
    EXPECT_TRUE(ledger.objects("nobody").empty());
    EXPECT_EQ(ledger.last_row(), 8) << "a row that is gone is not used twice";
}

TEST_F(LedgerTest, WhatIsNotThereCannotChange)
{
    ledger.add(job_of(key_a, "a"));
    EXPECT_THROW(ledger.set_state(key_b, JobState::closed, 1), Failure);
    EXPECT_THROW(ledger.set_state(1, ObjectState::gone), Failure);
    EXPECT_THROW(ledger.set_live(1, "an id"), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_b)), Failure);
}

TEST_F(LedgerTest, TheSchemaRefusesWhatIsTooLongOrMeaningless)
{
    ledger.add(job_of(key_a, "a"));
    Object nameless = object_of(1, key_a);
    nameless.kind = rules::Kind::none;
    EXPECT_THROW(ledger.put(nameless), Failure);
    EXPECT_THROW(ledger.put(object_of(0, key_a)), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_a, std::string(1'025, 'x'))), Failure);
    EXPECT_THROW(ledger.put(object_of(1, key_a, std::string(1, '\0') + std::string(1'024, 'x'))), Failure)
        << "a NUL does not hide a length";
    EXPECT_THROW(ledger.add(job_of(key_b, "")), Failure);
    EXPECT_THROW(ledger.add(job_of("", "b")), Failure);
    EXPECT_TRUE(ledger.objects(key_a).empty());
    EXPECT_EQ(ledger.jobs().size(), 1U);
    EXPECT_NO_THROW(ledger.put(object_of(1, key_a, std::string(1'024, 'x'))));
}

TEST_F(LedgerTest, AFailureSaysWhatWasDoneAndNotWhatTheJobWrote)
{
    ledger.add(job_of(key_a, "a"));
    try {
        ledger.put(object_of(1, key_a, std::string(2'000, 'x')));
        FAIL() << "it was kept";
    } catch (const Failure& failure) {
        EXPECT_NE(std::string(failure.what()).find("INSERT INTO objects"), std::string::npos) << failure.what();
        EXPECT_EQ(std::string(failure.what()).find("xx"), std::string::npos) << failure.what();
    }
}

TEST_F(LedgerTest, ARollbackUndoesAllSinceBegin)
{
    ledger.add(job_of("k1", "before"));
    ledger.begin();
    ledger.add(job_of("k2", "within"));
    ledger.rollback();
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"before"}));
    EXPECT_NO_THROW(ledger.rollback()) << "there is nothing to undo";
}

TEST_F(LedgerTest, AStepIsUndoneAlone)
{
    ledger.begin();
    ledger.mark();
    ledger.add(job_of("k1", "kept"));
    ledger.release();
    ledger.mark();
    ledger.add(job_of("k2", "undone"));
    EXPECT_THROW(ledger.add(job_of("k2", "twice")), Failure);
    ledger.undo();
    ledger.mark();
    ledger.add(job_of("k3", "kept too"));
    ledger.release();
    ledger.commit();
    EXPECT_EQ(ids(ledger.jobs()), (Ids{"kept", "kept too"}));
}

TEST_F(LedgerTest, AStepNeedsATransaction)
{
    EXPECT_THROW(ledger.mark(), Failure);
    EXPECT_THROW(ledger.commit(), Failure);
    ledger.begin();
    EXPECT_THROW(ledger.begin(), Failure);
}

TEST(StateNames, AreThoseOfTheLedger)
{
    EXPECT_EQ(state_name(JobState::open), "open");
    EXPECT_EQ(state_name(JobState::draining), "draining");
    EXPECT_EQ(state_name(JobState::closed), "closed");
    EXPECT_EQ(state_name(ObjectState::intended), "intended");
    EXPECT_EQ(state_name(ObjectState::live), "live");
    EXPECT_EQ(state_name(ObjectState::removing), "removing");
    EXPECT_EQ(state_name(ObjectState::gone), "gone");
}

TEST(Ledger, ALeaseIsKeptUntilItEnds)
{
    Ledger ledger(":memory:");
    ledger.add(job_of(key_a, "a"));
    ledger.put(SubnetLease{key_a, "bridge", "10.213.0.0/26", "bt-1"});
    ledger.put(SubnetLease{key_a, "app", "", "bt-2"});
    ledger.put(SubnetLease{key_a, "bridge", "10.213.0.64/26", "bt-1"});
    ASSERT_EQ(ledger.leases().size(), 2u);
    EXPECT_EQ(ledger.leases()[1].network, "bridge");
    EXPECT_EQ(ledger.leases()[1].subnet, "10.213.0.64/26");
    EXPECT_THROW(ledger.put(SubnetLease{key_a, "other", "", "bt-1"}), Failure);
    ledger.end_lease(key_a, "app");
    EXPECT_EQ(ledger.leases().size(), 1u);
    ledger.end_leases(key_a);
    EXPECT_TRUE(ledger.leases().empty());
    EXPECT_THROW(ledger.put(SubnetLease{key_b, "bridge", "", "bt-3"}), Failure);  // no such job
}

}  // namespace
}  // namespace db
