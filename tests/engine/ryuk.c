/* Stands in for testcontainers/ryuk, which no registry here has: takes filters on port 8080, one a line (`label=a=b&label=c`),
 * answers each with ACK, and once its last client has gone removes through /var/run/docker.sock the containers that bear them. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char answer[1 << 20];

/* One exchange with the engine; the answer without its connection. */
static void call(const char *method, const char *target)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/var/run/docker.sock"};
    char request[4096];
    size_t have = 0;
    ssize_t more;
    int engine = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(engine, (struct sockaddr *)&at, sizeof at) != 0) exit(3);
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n", method, target);
    if (write(engine, request, strlen(request)) < 0) exit(4);
    while (have < sizeof answer - 1 && (more = read(engine, answer + have, sizeof answer - 1 - have)) > 0) have += more;
    answer[have] = 0;
    close(engine);
}

/* `a=b&label=c` as the engine's filters, percent-encoded. */
static void reap(char *filters)
{
    char list[4096] = "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B", target[256];
    static char ids[1000][65];
    int count = 0;
    for (char *each = strtok(filters, "&"); each; each = strtok(NULL, "&")) {
        if (strncmp(each, "label=", 6) == 0) each += 6;
        if (list[strlen(list) - 1] == '2') strcat(list, "%2C");
        strcat(strcat(strcat(list, "%22"), each), "%22");
    }
    call("GET", strcat(list, "%5D%7D"));
    for (char *at = answer; count < 1000 && (at = strstr(at, "\"Id\":\"")); ++count) {
        memcpy(ids[count], at += 6, 64);
        ids[count][64] = 0;
    }
    for (int each = 0; each < count; ++each) {
        snprintf(target, sizeof target, "/v1.41/containers/%s?force=1&v=1", ids[each]);
        call("DELETE", target);
        printf("removed %s\n", ids[each]);
    }
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int yes = 1, door = socket(AF_INET, SOCK_STREAM, 0);
    setbuf(stdout, NULL);
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(door, (struct sockaddr *)&at, sizeof at) != 0 || listen(door, 8) != 0) return 2;
    printf("Started\n");
    FILE *client = fdopen(accept(door, NULL, NULL), "r+");
    static char lines[16][2048];
    int count = 0;
    while (client && count < 16 && fgets(lines[count], sizeof lines[0], client)) {
        lines[count][strcspn(lines[count], "\r\n")] = 0;
        fprintf(client, "ACK\n");
        fflush(client);
        if (*lines[count]) ++count;
    }
    while (count > 0) reap(lines[--count]);
    return 0;
}
