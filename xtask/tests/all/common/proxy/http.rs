//! As much of HTTP/1.1 as the SDK, Terraform's Go and the local AWS speak with each other.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing here takes longer to answer than a function may run.
const PATIENCE: Duration = Duration::from_secs(120);

/// A request or an answer, whole. Names of headers are as they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// The request line, or the status line.
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { start: format!("HTTP/1.1 {status} As told"), headers: headers.collect(), body: body.as_bytes().to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A word of the first line: method and path of a request, status of an answer.
    pub(crate) fn word(&self, nth: usize) -> &str {
        self.start.split(' ').nth(nth).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    /// The head alone; `None` where the other side has closed.
    fn read_head(reader: &mut impl BufRead) -> Result<Option<Self>> {
        let Some(start) = line(reader)? else { return Ok(None) };
        let mut message = Self { start, ..Self::default() };
        loop {
            let line = line(reader)?.ok_or_else(|| Error::other("the head breaks off"))?;
            let Some((name, value)) = line.split_once(':') else { return Ok(Some(message)) };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn is_chunked(&self) -> bool {
        self.header("Transfer-Encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    fn length(&self) -> Option<u64> {
        self.header("Content-Length").and_then(|length| length.parse().ok())
    }

    /// The next request of a connection.
    pub(crate) fn read_request(reader: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let Some(mut request) = Self::read_head(reader)? else { return Ok(None) };
        if request.header("Expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue")) {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match request.length() {
            _ if request.is_chunked() => chunks(reader)?,
            Some(length) => exactly(reader, length)?,
            None => Vec::new(),
        };
        Ok(Some(request))
    }

    /// Sends a request to `address` on a connection of its own, and reads the answer.
    pub(crate) fn send(&self, address: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = self.with_length(Some(self.body.len() as u64));
        request.headers.push(("Connection".to_owned(), "close".to_owned()));
        stream.write_all(&request.bytes())?;
        let mut reader = BufReader::new(stream);
        let mut answer = loop {
            let head = Self::read_head(&mut reader)?.ok_or_else(|| Error::other("there is no answer"))?;
            if head.status() != 100 {
                break head;
            }
        };
        answer.body = match (self.word(0), answer.status()) {
            ("HEAD", _) | (_, 204 | 304) => Vec::new(),
            _ if answer.is_chunked() => chunks(&mut reader)?,
            _ => match answer.length() {
                Some(length) => exactly(&mut reader, length)?,
                None => {
                    let mut rest = Vec::new();
                    reader.read_to_end(&mut rest)?;
                    rest
                }
            },
        };
        Ok(answer)
    }

    /// Writes an answer to a request of this method.
    pub(crate) fn write_answer(&self, method: &str, stream: &mut TcpStream) -> Result<()> {
        // What HEAD asks for is the length that GET's body would have.
        let length = match (method, self.status()) {
            (_, 204 | 304) => None,
            ("HEAD", _) => Some(self.length().unwrap_or(self.body.len() as u64)),
            _ => Some(self.body.len() as u64),
        };
        let mut answer = self.with_length(length);
        if method == "HEAD" {
            answer.body.clear();
        }
        stream.write_all(&answer.bytes())
    }

    /// With no header that is about one connection alone.
    fn with_length(&self, length: Option<u64>) -> Self {
        const OURS: [&str; 5] = ["Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "Expect"];
        let mut message = self.clone();
        message.headers.retain(|(name, _)| !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)));
        message.headers.extend(length.map(|length| ("Content-Length".to_owned(), length.to_string())));
        message
    }

    fn bytes(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        [format!("{}\r\n{headers}\r\n", self.start).as_bytes(), &self.body].concat()
    }
}

fn line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

fn exactly(reader: &mut impl Read, length: u64) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length { Ok(body) } else { Err(Error::other("the body breaks off")) }
}

fn chunks(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let head = line(reader)?.ok_or_else(|| Error::other("the chunks break off"))?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(Error::other)?;
        if size == 0 {
            // Trailers, up to an empty line.
            while line(reader)?.is_some_and(|line| !line.is_empty()) {}
            return Ok(body);
        }
        body.extend(exactly(reader, size)?);
        line(reader)?;
    }
}
