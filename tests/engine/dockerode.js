// What a Node.js client does with a container, through the door in DOCKER_HOST, else the socket that is everybody's default:
// node dockerode.js IMAGE. Prints `done` at the end.
'use strict';
const assert = require('assert');
const {PassThrough} = require('stream');
const Docker = require('dockerode');

const docker = process.env.DOCKER_HOST ? new Docker({socketPath: process.env.DOCKER_HOST.replace('unix://', '')}) : new Docker();
const image = process.argv[2];

// All that a stream gives until it ends.
function text(stream) {
  return new Promise((resolve, reject) => {
    let seen = '';
    stream.on('data', (chunk) => { seen += chunk; });
    stream.on('end', () => resolve(seen));
    stream.on('error', reject);
  });
}

// The stdout and stderr of a multiplexed stream, once it has ended.
async function demultiplexed(stream) {
  const out = new PassThrough();
  const err = new PassThrough();
  docker.modem.demuxStream(stream, out, err);
  stream.on('end', () => { out.end(); err.end(); });
  const [first, second] = await Promise.all([text(out), text(err)]);
  return {out: first, err: second};
}

async function main() {
  const version = await docker.version();
  assert.ok(version.ApiVersion);

  // attach, write, half-close: cat ends by the end of its stdin, and the answer still comes
  const cat = await docker.createContainer({
    Image: image, name: 'cat', Cmd: ['cat'], OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
  });
  const attached = await cat.attach({stream: true, stdin: true, stdout: true, stderr: true, hijack: true});
  const answer = demultiplexed(attached);
  await cat.start();
  attached.write('one\n');
  attached.end('two\n');
  assert.strictEqual((await answer).out, 'one\ntwo\n');
  assert.strictEqual((await cat.wait()).StatusCode, 0);
  const logs = await cat.logs({stdout: true, stderr: true, follow: false});
  assert.ok(logs.includes('two'));
  assert.strictEqual((await cat.inspect()).Name, '/cat');
  await cat.remove();

  // exec with stdin
  const box = await docker.createContainer({Image: image, name: 'box', Cmd: ['sleep', '1000'], Labels: {team: 'red'}});
  await box.start();
  const exec = await box.exec({Cmd: ['sh', '-c', 'cat; echo err >&2; exit 5'], AttachStdin: true, AttachStdout: true, AttachStderr: true});
  const stream = await exec.start({hijack: true, stdin: true});
  const said = demultiplexed(stream);
  stream.end('to exec\n');
  assert.deepStrictEqual(await said, {out: 'to exec\n', err: 'err\n'});
  assert.strictEqual((await exec.inspect()).ExitCode, 5);

  // lists, events, logs that are followed
  const listed = await docker.listContainers({filters: {label: ['team=red']}});
  assert.deepStrictEqual(listed.map((each) => each.Names), [['/box']]);
  const events = await docker.getEvents({filters: {container: ['box']}});
  const died = new Promise((resolve) => events.on('data', (chunk) => chunk.includes('"die"') && resolve()));
  const waiting = box.wait();
  await box.kill();
  assert.strictEqual((await waiting).StatusCode, 137);
  await died;
  events.destroy();
  await box.remove({force: true, v: true});
  await assert.rejects(box.inspect(), (error) => error.statusCode === 404);

  // refused with a message that a client shows
  await assert.rejects(docker.createContainer({Image: image, HostConfig: {Privileged: true}}),
    (error) => error.statusCode === 403 && /Privileged/.test(error.message));
}

main().then(() => console.log('done'), (error) => { console.error(error); process.exit(1); });
