import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { LarderError } from '../../errors.ts'
import { runChild, startChild } from './child.ts'

const forSeconds = (seconds: number): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(seconds * 1_000) })

test('a program is given its input, and answers with what it says', async () => {
  assert.equal(await runChild(['/bin/cat'], { input: 'here', ...forSeconds(10) }), 'here')
})

test('a program that is not there, or fails, is an error in its own words that may be tried again', async () => {
  for (const [command, words] of [
    [['/nowhere/program'], /could not run \/nowhere\/program: .*ENOENT/],
    [[''], /could not run/],
    [['/bin/sh', '-c', 'echo the reason >&2; exit 3'], /failed \(status 3\): the reason/],
    [['/bin/sh', '-c', 'kill -9 $$'], /failed \(SIGKILL\): it said nothing/],
  ] as const) {
    await assert.rejects(
      runChild(command, forSeconds(10)),
      (error) => error instanceof LarderError && error.code === 'machine' && error.retry && words.test(error.message),
    )
  }
})

test('a program that does not end is ended, also where a child of it holds its streams', async () => {
  const reason = new Error('too late')
  for (const command of [
    ['/bin/sleep', '60'],
    ['/bin/sh', '-c', 'sleep 2 & wait'],
  ]) {
    const ending = new AbortController()
    const from = performance.now()
    setTimeout(() => ending.abort(reason), 50)
    await assert.rejects(runChild(command, { signal: ending.signal }), reason)
    assert.ok(performance.now() - from < 1_500)
  }
})

test('what a program says has a bound', async () => {
  await assert.rejects(
    runChild(['/bin/sh', '-c', 'while :; do echo more; done'], { ...forSeconds(10), mostBytes: 10_000 }),
    /SIGKILL/,
  )
})

test('where no descriptor is left a program is not started, which is an error and no crash, and later it is', () => {
  const module = JSON.stringify(fileURLToPath(new URL('./child.ts', import.meta.url)))
  const script = `
    import { closeSync, openSync } from 'node:fs'
    import { runChild, startChild } from ${module}
    await runChild(['/bin/true'], { signal: AbortSignal.timeout(10000) })
    for (let left = 0; left < 12; left += 1) {
      const taken = []
      try { for (;;) taken.push(openSync('/dev/null')) } catch {}
      for (let one = 0; one < left; one += 1) closeSync(taken.pop())
      const told = await runChild(['/bin/true'], { signal: AbortSignal.timeout(10000) }).catch((error) => error)
      for (const each of taken) closeSync(each)
      if (told !== '') console.log(told.code, told.retry)
    }
    console.log(await runChild(['/bin/echo', 'well'], { signal: AbortSignal.timeout(10000) }))`
  const limited = ['-c', 'ulimit -n 80; exec "$@"', 'sh', process.execPath, '--input-type=module-typescript', '-e', script]
  const { stdout, stderr, status } = spawnSync('/bin/sh', limited, { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr)
  assert.match(stdout, /^(machine true\n)+well\n/)
})

test('a program that runs does not keep this process alive, and its end is no error', async () => {
  const child = await startChild(['/bin/cat'])
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  child.stdin.write('to nobody')
  const awake = setInterval(() => undefined, 1_000)
  await ended
  clearInterval(awake)
})
