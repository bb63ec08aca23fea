/*-------------------------------------------------------------------------
 *
 * source/queue.c
 *	  Messages from a session's thread to its user.
 *
 * A list of chunks, each with a counter of the bytes that are filled.  The
 * writer copies a message behind the filled part and then moves the counter,
 * the reader follows it; a lock is taken only to go to another chunk or to
 * sleep.  The pipe is written only when the reader has said that it is going
 * to wait.
 *
 * Two pairs of flags need a total order (each side first writes its own, then
 * looks at the other's), hence the sequentially consistent atomics:
 *
 *		reader_waits / filled, finished		the reader went to sleep
 *		writer_waits / buffered				the writer waits for room
 *
 * Memory: the limit, plus one chunk, plus one message if that alone is over
 * the limit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "source/queue.h"
#include "source/thread.h"

#define CHUNK_SIZE			(128 * 1024)
#define MESSAGE_ALIGN		8

typedef struct Chunk
{
	struct Chunk *next;			/* set before `closed` */
	size_t		size;
	_Atomic size_t filled;		/* bytes that the reader may read */
	_Atomic bool closed;		/* the writer went on to `next` */
	_Alignas(MESSAGE_ALIGN) char data[];
} Chunk;

/* In front of each message in a chunk. */
typedef struct Message
{
	size_t		len;			/* of what follows */
} Message;

struct CdcQueue
{
	int			wake_fd[2];		/* pipe: [0] for the reader, [1] for the writer */
	size_t		limit;
	pthread_mutex_t lock;
	pthread_cond_t room;
	bool		closing;		/* under the lock */
	Chunk	   *spare;			/* under the lock */

	Chunk	   *tail;			/* the writer's */
	Chunk	   *head;			/* the reader's */
	size_t		head_read;		/* bytes of head that the reader has taken */
	size_t		holding;		/* size of the message that the reader still looks at */

	_Atomic size_t buffered;	/* bytes in all chunks that are not yet released */
	_Atomic bool reader_waits;
	_Atomic int in_pipe;		/* bytes that were written to the pipe, or are about to be */
	_Atomic bool writer_waits;
	_Atomic bool finished;
	_Atomic int64_t resumed_ms;
};

/* What a message of len bytes takes up. */
static size_t
message_size(size_t len)
{
	return sizeof(Message) + (len + MESSAGE_ALIGN - 1) / MESSAGE_ALIGN * MESSAGE_ALIGN;
}

static Chunk *
new_chunk(CdcQueue *queue, size_t need)
{
	Chunk	   *chunk = NULL;
	size_t		size = need > CHUNK_SIZE ? need : CHUNK_SIZE;

	if (size == CHUNK_SIZE)
	{
		pthread_mutex_lock(&queue->lock);
		chunk = queue->spare;
		queue->spare = NULL;
		pthread_mutex_unlock(&queue->lock);
	}
	if (chunk == NULL)
		chunk = malloc(sizeof(Chunk) + size);
	if (chunk == NULL)
		return NULL;
	chunk->next = NULL;
	chunk->size = size;
	atomic_init(&chunk->filled, 0);
	atomic_init(&chunk->closed, false);
	return chunk;
}

static bool
make_pipe(int fd[2])
{
	int			i;

	if (pipe(fd) != 0)
	{
		fd[0] = fd[1] = -1;
		return false;
	}
	for (i = 0; i < 2; i++)
	{
		(void) fcntl(fd[i], F_SETFD, FD_CLOEXEC);
		(void) fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
	return true;
}

CdcQueue *
cdc_queue_create(size_t limit)
{
	CdcQueue   *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->limit = limit;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->room, NULL);
	queue->head = queue->tail = new_chunk(queue, 0);
	if (!make_pipe(queue->wake_fd) || queue->head == NULL)
	{
		cdc_queue_destroy(queue);
		return NULL;
	}
	return queue;
}

void
cdc_queue_destroy(CdcQueue *queue)
{
	Chunk	   *chunk;

	if (queue == NULL)
		return;
	chunk = queue->head;
	while (chunk != NULL)
	{
		Chunk	   *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	free(queue->spare);
	if (queue->wake_fd[0] >= 0)
		close(queue->wake_fd[0]);
	if (queue->wake_fd[1] >= 0)
		close(queue->wake_fd[1]);
	pthread_cond_destroy(&queue->room);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/*
 * The writer
 */

/* Tells the reader that something is there, if it waits. */
static void
wake_reader(CdcQueue *queue)
{
	if (atomic_load(&queue->reader_waits) &&
		atomic_exchange(&queue->reader_waits, false))
	{
		ssize_t		rc;

		/* first: the reader may find it too many, and not too few */
		atomic_fetch_add(&queue->in_pipe, 1);
		do
			rc = write(queue->wake_fd[1], "", 1);
		while (rc < 0 && errno == EINTR);
	}
}

static bool
has_room(CdcQueue *queue, size_t size)
{
	size_t		buffered = atomic_load(&queue->buffered);

	return buffered == 0 || buffered + size <= queue->limit;
}

/* Blocks until `size` more bytes may be held.  false when the queue is closed. */
static bool
wait_for_room(CdcQueue *queue, size_t size)
{
	bool		open;

	if (has_room(queue, size))
		return true;

	pthread_mutex_lock(&queue->lock);
	atomic_store(&queue->writer_waits, true);
	while (!queue->closing && !has_room(queue, size))
		pthread_cond_wait(&queue->room, &queue->lock);
	atomic_store(&queue->resumed_ms, cdc_now_ms());
	atomic_store(&queue->writer_waits, false);
	open = !queue->closing;
	pthread_mutex_unlock(&queue->lock);
	return open;
}

char *
cdc_queue_reserve(CdcQueue *queue, size_t len, CdcError *err)
{
	size_t		size = message_size(len);
	Chunk	   *tail = queue->tail;
	size_t		filled;
	Message    *message;

	if (!wait_for_room(queue, size))
	{
		cdc_error(err, CDC_ERR_CANCELLED, "the session is being closed");
		return NULL;
	}
	filled = atomic_load_explicit(&tail->filled, memory_order_relaxed);
	if (tail->size - filled < size)
	{
		Chunk	   *chunk = new_chunk(queue, size);

		if (chunk == NULL)
		{
			cdc_error(err, CDC_ERR_NOMEM, "out of memory for a message of %zu bytes from the source", len);
			return NULL;
		}
		tail->next = chunk;
		atomic_store(&tail->closed, true);
		queue->tail = tail = chunk;
		filled = 0;
	}
	message = (Message *) (tail->data + filled);
	message->len = len;
	return (char *) (message + 1);
}

void
cdc_queue_publish(CdcQueue *queue, size_t len)
{
	size_t		size = message_size(len);

	/* first: the reader subtracts what it has seen in `filled` */
	atomic_fetch_add(&queue->buffered, size);
	atomic_fetch_add(&queue->tail->filled, size);
	wake_reader(queue);
}

void
cdc_queue_finish(CdcQueue *queue)
{
	atomic_store(&queue->finished, true);
	wake_reader(queue);
}

/*
 * The reader
 */

/* Gives back the message returned last. */
static void
release(CdcQueue *queue)
{
	size_t		left;

	if (queue->holding == 0)
		return;
	left = atomic_fetch_sub(&queue->buffered, queue->holding) - queue->holding;
	queue->holding = 0;
	/* at half: a full queue is not handed over message by message */
	if (atomic_load(&queue->writer_waits) && left <= queue->limit / 2)
	{
		pthread_mutex_lock(&queue->lock);
		pthread_cond_signal(&queue->room);
		pthread_mutex_unlock(&queue->lock);
	}
}

static void
next_chunk(CdcQueue *queue)
{
	Chunk	   *done = queue->head;

	queue->head = done->next;
	queue->head_read = 0;
	if (done->size == CHUNK_SIZE)
	{
		pthread_mutex_lock(&queue->lock);
		if (queue->spare == NULL)
		{
			queue->spare = done;
			done = NULL;
		}
		pthread_mutex_unlock(&queue->lock);
	}
	free(done);
}

/* The next message, valid until release(); NULL when there is none. */
static const char *
take(CdcQueue *queue, size_t *len)
{
	for (;;)
	{
		Chunk	   *head = queue->head;
		bool		closed = atomic_load(&head->closed);

		if (queue->head_read < atomic_load(&head->filled))
		{
			const Message *message = (const Message *) (head->data + queue->head_read);

			*len = message->len;
			queue->holding = message_size(message->len);
			queue->head_read += queue->holding;
			return (const char *) (message + 1);
		}
		/* closed was read before filled: nothing can have come in between */
		if (!closed)
			return NULL;
		next_chunk(queue);
	}
}

/* Empties the pipe, so that the descriptor is readable only for news. */
static void
drain_pipe(CdcQueue *queue)
{
	char		buf[64];
	ssize_t		rc;

	while (atomic_load(&queue->in_pipe) > 0)
	{
		rc = read(queue->wake_fd[0], buf, sizeof(buf));
		if (rc > 0)
			atomic_fetch_sub(&queue->in_pipe, (int) rc);
		else if (rc == 0 || errno != EINTR)
			break;				/* it is on its way: the next time finds it */
	}
}

const char *
cdc_queue_take(CdcQueue *queue, size_t *len, bool *finished)
{
	const char *message;

	*finished = false;
	release(queue);
	if ((message = take(queue, len)) != NULL)
		return message;

	/* pipe before flag: else the byte of a wake-up might get lost */
	drain_pipe(queue);
	atomic_store(&queue->reader_waits, true);
	*finished = atomic_load(&queue->finished);
	message = take(queue, len);
	if (message != NULL || *finished)
		atomic_store(&queue->reader_waits, false);
	if (message != NULL)
		*finished = false;
	return message;
}

void
cdc_queue_look_away(CdcQueue *queue)
{
	atomic_store(&queue->reader_waits, false);
}

int
cdc_queue_fd(const CdcQueue *queue)
{
	return queue->wake_fd[0];
}

void
cdc_queue_reset(CdcQueue *queue)
{
	size_t		len;

	release(queue);
	while (take(queue, &len) != NULL)
		release(queue);
	atomic_store(&queue->finished, false);
	drain_pipe(queue);
	atomic_store(&queue->reader_waits, true);
}

void
cdc_queue_close(CdcQueue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closing = true;
	pthread_cond_signal(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}

bool
cdc_queue_finished(const CdcQueue *queue)
{
	return atomic_load(&queue->finished);
}

int64_t
cdc_queue_writer_resumed_ms(const CdcQueue *queue, bool *waits)
{
	/* the writer notes the time before it takes the flag back */
	*waits = atomic_load(&queue->writer_waits);
	return atomic_load(&queue->resumed_ms);
}
