/* Postgres in a folder of the test's own. It refuses to run as root; as root the test gives the
 * folder to the user that Debian's packages made. */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIN "/usr/lib/postgresql/15/bin/"

int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static pid_t spawn(const char *folder, const char *const *argv)
{
    char log[128];
    pid_t pid = fork();
    if (pid != 0) {
        assert_true(pid > 0);
        return pid;
    }
    const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
    if (user != NULL &&
        (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) {
        _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT); /* a test that crashes leaves no server behind */
    snprintf(log, sizeof log, "%s/log", folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
        _exit(126);
    }
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int wait_end(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void make_certificate(const struct private_server *server)
{
    char key[96];
    char certificate[96];
    snprintf(key, sizeof key, "%s/server.key", server->folder);
    snprintf(certificate, sizeof certificate, "%s/server.crt", server->folder);
    const char *argv[] = {"/usr/bin/openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-days",
                          "1",
                          "-subj",
                          "/CN=localhost",
                          "-keyout",
                          key,
                          "-out",
                          certificate,
                          NULL};
    assert_int_equal(wait_end(spawn(server->folder, argv)), 0);
}

void server_init(struct private_server *server)
{
    char data[96];
    memset(server, 0, sizeof *server);
    snprintf(server->folder, sizeof server->folder, "/tmp/calfleet-pg-XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    if (getuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        assert_non_null(user);
        assert_int_equal(chown(server->folder, user->pw_uid, user->pw_gid), 0);
    }
    snprintf(data, sizeof data, "%s/data", server->folder);
    const char *argv[] = {BIN "initdb", "-D",   data,       "-U",      "calfleet",  "-A", "trust",
                          "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", NULL};
    assert_int_equal(wait_end(spawn(server->folder, argv)), 0);
    make_certificate(server);
    server->port = free_port();
    snprintf(server->dsn, sizeof server->dsn,
             "host=localhost port=%d user=calfleet dbname=postgres sslmode=disable", server->port);
    snprintf(server->tls_dsn, sizeof server->tls_dsn,
             "host=localhost port=%d user=calfleet dbname=postgres sslmode=verify-full "
             "sslrootcert=%s/server.crt",
             server->port, server->folder);
}

void server_start(struct private_server *server)
{
    char data[96];
    char port[16];
    char key[128];
    char certificate[128];
    snprintf(key, sizeof key, "ssl_key_file=%s/server.key", server->folder);
    snprintf(certificate, sizeof certificate, "ssl_cert_file=%s/server.crt", server->folder);
    snprintf(data, sizeof data, "%s/data", server->folder);
    snprintf(port, sizeof port, "%d", server->port);
    const char *argv[] = {BIN "postgres",
                          "-D",
                          data,
                          "-p",
                          port,
                          "-c",
                          "listen_addresses=localhost",
                          "-c",
                          "unix_socket_directories=",
                          "-c",
                          "fsync=off",
                          "-c",
                          "autovacuum=off",
                          "-c",
                          "ssl=on",
                          "-c",
                          key,
                          "-c",
                          certificate,
                          NULL};
    for (int i = 0; i < 300; i++) {
        if (server->pid == 0) {
            server->pid = spawn(server->folder, argv);
        }
        if (PQping(server->dsn) == PQPING_OK) {
            return;
        }
        /* After a kill it may refuse as long as a child of the old one is about to end. */
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    fail_msg("the private server did not start; see %s/log", server->folder);
}

void server_stop(struct private_server *server, int signal)
{
    if (server->pid > 0) {
        kill(server->pid, signal);
        wait_end(server->pid);
        server->pid = 0;
    }
}

void server_fini(struct private_server *server)
{
    server_stop(server, SIGQUIT);
    const char *argv[] = {"/bin/rm", "-rf", server->folder, NULL};
    /* The folder itself is in /tmp, which the server's user may not change. */
    wait_end(spawn(server->folder, argv));
    const char *own[] = {"/bin/rm", "-rf", server->folder, NULL};
    pid_t pid = fork();
    if (pid == 0) {
        execv(own[0], (char *const *)(uintptr_t)own);
        _exit(127);
    }
    wait_end(pid);
}
