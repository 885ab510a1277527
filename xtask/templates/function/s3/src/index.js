// What is done with an object that came.

/** Where it fails, Lambda tries twice more. */
export const handler = async ({ Records }) => {
  for (const record of Records) {
    await workOff(record.s3);
  }
};

/** The same object may be told of twice: what is done here must bear that. */
const workOff = async ({ bucket, object }) => {
  // A key comes as in a URL's query: `a b.txt` as `a+b.txt`.
  const key = decodeURIComponent(object.key.replaceAll("+", " "));
  console.log("worked off", { bucket: bucket.name, key });
};
