#include "rules/api/ps_args.h"

#include <gtest/gtest.h>

namespace rules {
namespace {

TEST(PsArgs, TheUsualOptionsGoOn)
{
    for (const std::string_view text : {"", "aux", "-ef", "ef", "-e -f", "-aux", "-el", "ax", "-o pid", "-o pid,comm",
                                        "-eo pid,ppid,user,args", "-e -o pid,%cpu,rss,cmd", "-opid,cmd",
                                        "-o user,pid,time,cmd", "-o pid -o args", "-o ppid -o pid,lstart,args"})
        EXPECT_TRUE(check_ps_args(text)) << text;
}

TEST(PsArgs, WhatCouldShowOtherProcessesIsRefused)
{
    for (const std::string_view text :
         {// Another column under the header PID: the engine's own guard wants a blank before it.
          "-eorss=PID -oargs", "-o rss=PID,args", "-o pid=X -o rss=PID", "-o pid=,args", "-oenviron", "-o environ",
          // A column with blanks before the pid: a part of it stands where the pid is looked for.
          "-o args,pid", "-o lstart,pid,args", "-o lstart -o pid,args", "-o comm,pid", "-o start,user,pid,args",
          "-o pid,args,pid",
          // Options that choose by themselves, add lines or read elsewhere.
          "-o pid,args u", "-l -o pid", "-m", "m", "-T", "-L", "-C bash", "-p 1", "-q1", "--ppid 1", "-G root",
          "e -o pid", "-ef --headers", "-N", "--no-headers", "f", "-o", "-o pid,", "-o ,pid", "-o  pid",
          "-o pid,nosuch", "aux\t-m", "-ef\n", "-O rss", "o rss,pid", "aux;id", "$(id)", "-o pid,wchan",
          "-o pid,label"}) {
        const Result<void> checked = check_ps_args(text);
        ASSERT_FALSE(checked) << text;
        EXPECT_EQ(checked.error().status, 403);
        EXPECT_EQ(checked.error().rule, "ps-args");
        EXPECT_EQ(checked.error().field, "ps_args");
        EXPECT_EQ(checked.error().value, text);
    }
}

}  // namespace
}  // namespace rules
