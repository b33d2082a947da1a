// A test suite with Testcontainers for Node.js that forgets its containers: node testcontainers.js IMAGE. The reaper is on.
'use strict';
const {GenericContainer, Network, Wait} = require('testcontainers');

async function main() {
  const network = await new Network().start();
  const web = await new GenericContainer(process.argv[2])
      .withNetwork(network).withNetworkAliases('web').withExposedPorts(80).withCopyContentToContainer([{content: 'page of the web', target: '/www/index.html'}])
      .withCommand(['httpd', '-f', '-h', '/www']).withWaitStrategy(Wait.forListeningPorts()).start();
  const page = await (await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`)).text();
  const other = await new GenericContainer(process.argv[2]).withNetwork(network).withCommand(['sleep', '600']).start();
  const {output, exitCode} = await other.exec(['wget', '-qO-', 'http://web/']);
  console.log(JSON.stringify({page, output, exitCode, web: web.getId(), other: other.getId()}));
  process.exit(0);  // without stopping anything: that is the reaper's work
}

main().catch((error) => { console.error(error); process.exit(1); });
