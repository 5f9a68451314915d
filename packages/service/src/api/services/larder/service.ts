import { wireError } from '../../protocols/query/fault.ts'
import { refuseAmbiguous } from '../../protocols/query/form.ts'
import { queryProtocol } from '../../protocols/query/protocol.ts'
import { aboutEverything, type Service } from '../../service.ts'
import { larderApiVersion, larderNamespace } from '../../versions.ts'
import { answerLarder } from './answer.ts'

export const larder: Service = {
  name: 'larder',
  policyName: 'larder',
  version: larderApiVersion,
  protocol: queryProtocol(larderNamespace),
  wireError,
  prepare: (_dependencies, { action, input, context, requestId }) => {
    refuseAmbiguous(input)
    return { about: () => aboutEverything, answer: () => answerLarder(action, input, context, requestId) }
  },
}
