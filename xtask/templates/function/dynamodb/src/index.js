// What is done with the changes of the table.

/** Works off a batch, in the order of the changes. */
export const handler = async ({ Records }) => {
  for (const record of Records) {
    try {
      await workOff(record);
    } catch (error) {
      console.error("a change failed", { change: record.eventID, error: String(error) });
      // From this one on all of them come again.
      return { batchItemFailures: [{ itemIdentifier: record.dynamodb.SequenceNumber }] };
    }
  }
  return { batchItemFailures: [] };
};

/** The same change may come twice: what is done here must bear that. */
const workOff = async ({ eventName, dynamodb }) => {
  const id = dynamodb.Keys.id.S;
  if (id === undefined) {
    throw new TypeError("the key is no text");
  }
  console.log("worked off", { item: id, change: eventName });
};
