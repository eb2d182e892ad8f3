//! The entrypoint of the image of `docker/`, run on this machine.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use postgres::{Client, Config, NoTls};
use wo_cluster_tests::{Cluster, patiently};

/// A server that the entrypoint runs in the foreground. It is ended as `docker stop` ends it.
struct Container(Child);

impl Container {
    fn start(cluster: &Cluster, data: &Path, password: Option<&str>) -> Self {
        let entrypoint = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/entrypoint");
        let psql = cluster.tool("psql", "postgres");
        let bin = Path::new(psql.get_program()).parent().unwrap();
        let mut command = Command::new(entrypoint.canonicalize().unwrap());
        command
            .arg(format!("-cport={}", cluster.port()))
            .arg(format!("-cunix_socket_directories={}", cluster.dir().display()))
            .env("PGBIN", bin)
            .env("PGDATA", data)
            .env_remove("POSTGRES_PASSWORD")
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(password) = password {
            command.env("POSTGRES_PASSWORD", password);
        }
        Self(command.spawn().unwrap())
    }

    /// Waits until the server lets somebody in.
    fn connect(&mut self, cluster: &Cluster) -> Client {
        let mut config = Config::new();
        config.host("127.0.0.1").port(cluster.port()).dbname("wo").user("postgres");
        let mut connected = None;
        patiently("the entrypoint to start the server", || {
            assert!(self.0.try_wait().unwrap().is_none(), "the entrypoint has ended");
            connected = config.password("secret").connect(NoTls).ok();
            connected.is_some()
        });
        connected.unwrap()
    }

    fn stop(mut self) {
        let pid = i32::try_from(self.0.id()).unwrap();
        // SAFETY: the process is our child and was not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A first start makes the database with the extension and its worker; a second one finds what was there. Without a
/// password nothing is made: the superuser would have none, or one that everybody knows.
#[test]
fn the_entrypoint_makes_a_cluster_once() {
    // The port and the directory are those of a cluster that is stopped.
    let cluster = Cluster::own(&[]);
    cluster.stop();
    let data = cluster.make_dir("volume");
    let mut without = Container::start(&cluster, &data, None);
    assert!(!without.0.wait().unwrap().success());
    assert!(!data.join("PG_VERSION").exists());

    let mut first = Container::start(&cluster, &data, Some("secret"));
    let mut client = first.connect(&cluster);
    client.batch_execute("select wo.create_tenant('acme', 'Acme')").unwrap();
    let served = "select count(*) > 0 from wo.worker_status() where database = 'wo'";
    patiently("the worker", || client.query_one(served, &[]).unwrap().get(0));
    let wrong = Config::new()
        .host("127.0.0.1")
        .port(cluster.port())
        .dbname("wo")
        .user("postgres")
        .password("guessed")
        .connect(NoTls);
    assert_eq!(wrong.err().unwrap().code().unwrap().code(), "28P01");
    drop(client);
    first.stop();

    let mut second = Container::start(&cluster, &data, None);
    let tenants: i64 = second
        .connect(&cluster)
        .query_one("select count(*) from wo.tenant where slug = 'acme'", &[])
        .unwrap()
        .get(0);
    assert_eq!(tenants, 1);
    second.stop();
}
