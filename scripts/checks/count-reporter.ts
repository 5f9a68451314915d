/** A reporter of Node's test runner that says how many tests passed and failed, as JSON, when the run is over. */
import type { TestEvent } from 'node:test/reporters'

export default async function* count(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue
    const { tests, passed, skipped, todo } = event.data.counts
    yield JSON.stringify({ passed, failed: tests - passed - skipped - todo, skipped })
  }
}
