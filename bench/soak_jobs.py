"""What jobs do in the soak: shell scripts of the docker CLI, as the CI jobs do whose traffic was recorded.

They run with DOCKER_HOST at their door. A step that fails is no reason to stop: a job under a killed daemon goes on with what it can.
"""

BASE = "127.0.0.1:5000/busybox"
RYUK = "127.0.0.1:5000/ryuk"

PULL = f"docker pull -q {BASE}\ndocker tag {BASE} base\n"

PLAIN = PULL + """
docker run --rm base echo hello
docker network create net
docker run -d --name web --network net -v data:/data -p 8080:80 base sh -c 'echo page >/data/index.html; httpd -f -p 80 -h /data'
docker exec web ls /data
docker run --rm --network net base wget -q -O- http://web/
docker run -d --name stubborn --restart always -v /anonymous base sh -c 'trap "" TERM; sleep 600'
docker logs web
docker ps
docker rm -f web
"""

BUILD = PULL + """
cd "$SOAK_FOLDER"
printf 'FROM base AS one\\nRUN echo %s >/x\\nRUN sleep 0.5\\nFROM base\\nCOPY --from=one /x /x\\nCMD ["cat", "/x"]\\n' "$BERTH_JOB" >Dockerfile
docker build -q -t app:1 .
docker run --rm app:1
printf 'FROM app:1\\nRUN echo more >/y\\nRUN false\\n' | docker build -q -t fails -
docker tag app:1 some.host:5000/shop/app:1
docker create --name box app:1
docker commit box snapshot
docker rmi app:1
"""

COMPOSE = PULL + """
mkdir -p "$SOAK_FOLDER/shop" && cd "$SOAK_FOLDER/shop"
cat >compose.yaml <<END
services:
  db:
    image: base
    command: httpd -f -p 80 -h /data
    volumes: ["data:/data"]
    healthcheck: {test: ["CMD", "true"], interval: 1s}
  app:
    image: base
    command: sleep 600
    networks: [default, back]
    ports: ["8080:80"]
    depends_on: {db: {condition: service_healthy}}
networks: {back: {}}
volumes: {data: {}}
END
docker compose up -d --quiet-pull
docker compose ps
docker compose exec -T app true
"""

TESTCONTAINERS = f"docker pull -q {RYUK}\n" + PULL + f"""
session=$(cat /proc/sys/kernel/random/uuid)
docker run -d --name reaper -v /var/run/docker.sock:/var/run/docker.sock -P {RYUK}
port=$(docker port reaper 8080 | sed -n '1s/.*://p')
for each in 1 2 3; do
    docker run -d --label org.testcontainers=true --label org.testcontainers.sessionId=$session -P --expose 80 base httpd -f -p 80
done
printf 'label=org.testcontainers.sessionId=%s\\n' $session | busybox nc -w 2 "$BERTH_HOST" "$port"
docker ps -a
"""

SCRIPTS = {"plain": PLAIN, "build": BUILD, "compose": COMPOSE, "testcontainers": TESTCONTAINERS}

# How jobs end: the runner closes them; `berth run` ends with its command; `berth run` is killed; the runner dies, and their time runs out.
ENDS = ("closed", "run", "run killed", "abandoned")
