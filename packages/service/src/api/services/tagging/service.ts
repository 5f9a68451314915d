/** The API for tags hands changes on to the service that a resource belongs to, which decides whether the caller may make them. */
import { type JsonInput, jsonProtocol } from '../../protocols/json.ts'
import { aboutEverything, type Service } from '../../service.ts'
import { answerTagging } from './answer.ts'
import { taggingError } from './input.ts'

export const tagging: Service<JsonInput> = {
  name: 'tagging',
  policyName: 'tag',
  version: null,
  protocol: jsonProtocol('ResourceGroupsTaggingAPI_20170126.'),
  wireError: taggingError,
  prepare: (_dependencies, { action, input, context, forward }) => ({
    about: () => aboutEverything,
    answer: () => answerTagging(action, input, context, (call) => forward(call.service, call.action, call.parameters)),
  }),
}
